"""The poster's claims, reconstructed: experiments that train, measure and draw by one command.

The settings of the paper are not published, so these are experiments of ours on its claims, not
reproductions of its numbers.
"""
