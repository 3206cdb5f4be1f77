"""How a person is reached: contact methods in order, what this server can send through, and what works."""
