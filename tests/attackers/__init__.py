"""A class of attackers who did not write the defence: what they hand in, by kind and by trick."""
