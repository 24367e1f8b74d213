// Command argodiff compares objects with the diff of Argo CD. It reads a JSON array of pairs, each with the object of Git
// as "desired" and the object of the cluster as "live". It prints each pair that Argo CD shows as OutOfSync.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type pair struct {
	Desired *unstructured.Unstructured `json:"desired"`
	Live    *unstructured.Unstructured `json:"live"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "argodiff:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var pairs []pair
	if err := json.NewDecoder(in).Decode(&pairs); err != nil {
		return err
	}
	differ := 0
	for _, p := range pairs {
		result, err := diff.Diff(p.Desired, p.Live, diff.WithLogr(logr.Discard()))
		if err != nil {
			return fmt.Errorf("%s/%s: %w", p.Desired.GetKind(), p.Desired.GetName(), err)
		}
		if result.Modified {
			differ++
			fmt.Fprintf(out, "%s/%s is %s and would be %s\n",
				p.Desired.GetKind(), p.Desired.GetName(), result.NormalizedLive, result.PredictedLive)
		}
	}
	_, err := fmt.Fprintf(out, "%d compared, %d out of sync\n", len(pairs), differ)
	return err
}
