"""Who may do what: users, logins, and what stands before every request."""
