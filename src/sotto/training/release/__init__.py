"""What becomes of a trained model: exported, described, published."""
