"""The queries of Clip, Mobbex and Safe2Pay. Each module answers one provider's from the world.

`answer(…)` is a function of what was asked and of how far the object has come; nothing here keeps
anything. The shapes are those of the providers' documentation and of code that uses them.
"""
