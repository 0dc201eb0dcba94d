"""What the page that plans is made of."""
