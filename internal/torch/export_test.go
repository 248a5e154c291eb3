package torch

// DynamicTree is for tests.
var DynamicTree = dynamicTree
