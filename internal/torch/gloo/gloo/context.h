// See group.cc.
