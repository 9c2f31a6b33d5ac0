"""Lower bounds from the network alone, by counting and by Huffman's code.

`trees` bounds what one neuron costs, `network` any mapping of all of them.
"""

from spinemap_exact.bounds.network import NetworkBound, Prices, network_bound
from spinemap_exact.bounds.trees import PricedTree, huffman_carries

__all__ = ["NetworkBound", "PricedTree", "Prices", "huffman_carries", "network_bound"]
