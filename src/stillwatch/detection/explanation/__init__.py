"""detection/explanation"""
