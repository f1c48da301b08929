"""What sensors and their host say to each other (SPEC.md section 3), parsed and checked. Knows no database."""
