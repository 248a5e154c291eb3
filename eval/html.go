package eval

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"radpo/internal/plot"
	"radpo/internal/table"
)

//go:embed report.html.tmpl
var reportTemplate string

//go:embed report.css
var reportStyle string

// WriteHTML writes the report as one page that needs no script, no network
// and no other file. The measures are those of [Measures].
func WriteHTML(w io.Writer, in Input, ms []table.Measure) error {
	if err := in.check(); err != nil {
		return err
	}
	return newPage(in, ms).html(w)
}

func (p page) html(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{"show": visible}).Parse(reportTemplate)
	if err != nil {
		return fmt.Errorf("report template: %w", err)
	}
	err = t.Execute(w, struct {
		Style template.CSS
		page
	}{template.CSS(reportStyle + plot.Style), p})
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
