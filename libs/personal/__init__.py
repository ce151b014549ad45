"""What belongs to a person, and how it is kept out of whatever is shown.

`masks` finds it in running text, `numbers` tells a number of somebody from any other, `cards` knows what of a
card number may be seen, `datum` names the kinds. Pure, and below everything that logs, parks or traces.
"""
