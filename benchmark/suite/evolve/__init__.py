"""Evolution on tasks: es and ga on a network's weights, neat on the network itself."""
