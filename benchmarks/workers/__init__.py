"""The code that runs in the contenders' processes.

The peer's interpreter has nothing of this project installed, and the other checkout may name its packages differently: these modules
import the standard library, each other, and, late, the one contender that was asked for.
"""
