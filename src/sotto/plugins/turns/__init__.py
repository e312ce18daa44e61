"""Whether somebody who pauses has said all."""
