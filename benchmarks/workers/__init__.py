"""The code that runs in the contenders' processes.

The peer has an interpreter of its own, in which nothing of this project is installed, and the other checkout may name its packages
otherwise: these modules import the standard library, each other, and, late, the one contender that was asked for.
"""
