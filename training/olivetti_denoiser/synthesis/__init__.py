"""What a training learns from: varied faces, synthetic pictures, and the noise of cameras."""
