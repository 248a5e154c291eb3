package demo_test

import (
	"fmt"

	"radpo/demo"
)

func ExampleScore() {
	const prompt = "Explain the food and the home of the fox in two sentences."
	m, err := demo.Score(prompt, "The quiet fox eats mice, because it hunts at dusk. It lives in the barn.", true)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f overall\n", m.Overall)
	for k, name := range demo.Attributes {
		fmt.Printf("%4.1f %s\n", m.Attributes[k], name)
	}
	// Output:
	// 6.51 overall
	//  3.2 complexity
	// 10.0 instruction_following
	//  5.5 honesty
	// 10.0 helpfulness
	//  5.5 intellectual_depth
}
