"""What the kernel says about processes: time, memory."""
