package torch

import "testing"

// TestFindPlace reads the environments of the three launchers.
func TestFindPlace(t *testing.T) {
	tests := map[string]struct {
		env  map[string]string
		want place // without how
		ok   bool
	}{
		"alone":            {map[string]string{}, place{size: 1}, true},
		"torchrun":         {map[string]string{"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}, place{rank: 3, size: 4, local: 1}, true},
		"no local rank":    {map[string]string{"WORLD_SIZE": "2", "RANK": "0"}, place{rank: 0, size: 2, local: 0}, true},
		"mpirun":           {map[string]string{"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, place{rank: 1, size: 2, local: 0}, true},
		"srun":             {map[string]string{"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "SLURM_LOCALID": "1"}, place{rank: 1, size: 2, local: 1}, true},
		"mpirun in a job":  {map[string]string{"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, place{rank: 1, size: 2, local: 0}, true},
		"a batch script":   {map[string]string{"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, place{size: 1}, true},
		"rank is missing":  {map[string]string{"WORLD_SIZE": "2"}, place{}, false},
		"rank is the size": {map[string]string{"WORLD_SIZE": "2", "RANK": "2"}, place{}, false},
		"no number":        {map[string]string{"WORLD_SIZE": "two", "RANK": "0"}, place{}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := findPlace(func(key string) string { return tt.env[key] })
			got.how = ""
			if (err == nil) != tt.ok || tt.ok && got != tt.want {
				t.Errorf("got %+v and %v, want %+v", got, err, tt.want)
			}
		})
	}
}

// TestNoGroup: a process alone has rank 0 of 1, and its sums are its own.
func TestNoGroup(t *testing.T) {
	var g *Group
	if g.Rank() != 0 || g.Size() != 1 {
		t.Errorf("rank %d of %d", g.Rank(), g.Size())
	}
	g.Sum(nil, Tensor{})
}
