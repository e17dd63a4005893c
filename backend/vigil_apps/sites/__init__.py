"""Sites: groups of people who share cameras, each in a role."""
