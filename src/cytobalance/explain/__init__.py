"""What lies behind the numbers: cells of each count, their neighbours, Grad-CAM."""
