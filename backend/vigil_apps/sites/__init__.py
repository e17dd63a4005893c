"""Sites: groups of users who share cameras, each with a role."""
