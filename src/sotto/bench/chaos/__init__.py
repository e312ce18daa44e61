"""What is lost where connections are cut and servers killed: held against an unbroken run."""
