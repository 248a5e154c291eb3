// Package plot draws the report's figures as SVG for pages that need no
// script and no network.
//
// A figure is a value ([Lines], [Bars]) and its SVG method is a pure function
// of it: equal figures give equal bytes. Colours come from [Style], which a
// page includes once and which follows the reader's light or dark setting.
// Points that are not finite are left out.
package plot
