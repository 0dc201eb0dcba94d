"""The methods of the comparison, a file each, behind one protocol and one registry."""
