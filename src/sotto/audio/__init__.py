"""What sound is: formats, frames, mel."""
