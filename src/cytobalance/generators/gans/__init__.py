"""The GANs, one file each: networks and losses. A file's name is the GAN's name."""
