"""records/sketches"""
