"""detection/behaviours"""
