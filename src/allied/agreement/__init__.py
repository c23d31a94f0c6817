"""What the parties agreed: the text, its meaning, and who is bound by it when."""
