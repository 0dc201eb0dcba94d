"""Vector and text stores behind one protocol, a file each."""
