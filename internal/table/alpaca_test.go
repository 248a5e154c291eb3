package table_test

import (
	"math"
	"strings"
	"testing"

	"radpo/internal/table"
)

func TestReadAnnotations(t *testing.T) {
	path := save(t, "a.json", `[{"output_1":"a","output_2":"b","preference":0},{"output_1":"","output_2":"b","preference":null,"extra":[1]},
{"output_1":"a","output_2":1,"preference":1},{"output_1":"a","output_2":"b","preference":2.1}]`)
	var got []table.Annotation
	var faults []string
	for a, err := range table.ReadAnnotations(path) {
		if err != nil {
			faults = append(faults, err.Error())
		} else {
			got = append(got, a)
		}
	}
	if len(got) != 2 || got[0].Preference != 1.5 || got[0].Output2 != "b" || got[0].At != path+": row 1" || !math.IsNaN(got[1].Preference) {
		t.Errorf("got %+v", got)
	}
	if all := strings.Join(faults, "\n"); len(faults) != 2 || !strings.Contains(all, "row 3: output_2: got") || !strings.Contains(all, "row 4: preference: got 2.1") {
		t.Errorf("faults %q", faults)
	}
}

func TestReadGamed(t *testing.T) {
	own := "variant,index,len_1,len_2,preference_surrogate\nverbose,3,10,4,0.25\n"
	upstream := "model,preference,index,std_delta_len,instruction_difficulty,not_gamed_baseline\nm,0.25,3,6,1,False\n"
	for variant, text := range map[string]string{"verbose": own, "m": upstream} {
		got, err := table.ReadGamed(save(t, "g.csv", text))
		want := table.Gamed{Variant: variant, Index: 3, Delta: 6, Preference: 0.25}
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	for text, want := range map[string]string{
		"a,b\n1,2\n": "g.csv:1: want a header with a column index",
		"variant,index,len_1,len_2,preference_surrogate\nv,1.5,1,1,0\n":  "g.csv:2: index: got \"1.5\", want a whole number",
		"variant,index,len_1,len_2,preference_surrogate\nv,1,1,1,1.01\n": "g.csv:2: preference_surrogate: got \"1.01\", want a probability",
		"variant,index,len_1,len_2,preference_surrogate\nv,1,NaN,1,0\n":  "g.csv:2: len_1: got \"NaN\", want a number",
		"variant,index\n1\n": "g.csv:2: wrong number of fields",
		"variant,index\n":    "g.csv: no rows",
	} {
		if _, err := table.ReadGamed(save(t, "g.csv", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// FuzzReadGamed: no file of CSV makes the readers panic.
func FuzzReadGamed(f *testing.F) {
	f.Add("variant,index,len_1,len_2,preference_surrogate\nverbose,3,10,4,0.25\n")
	f.Add("index,instruction_difficulty\n\"0\n\",1\n")
	f.Add("\xef\xbb\xbfmodel,preference,index,std_delta_len\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := save(t, "g.csv", text)
		table.ReadGamed(path)
		table.ReadDifficulties(path)
	})
}
