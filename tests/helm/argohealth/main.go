// Command argohealth runs the tests of Argo CD's health checks in a folder that is laid out as Argo CD lays out its own
// (resource_customizations/<group>/<kind>/ with health.lua, health_test.yaml and testdata/), by the interpreter and
// with the libraries that Argo CD has.
// https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#way-2-contribute-a-custom-health-check
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type test struct {
	InputPath    string `json:"inputPath"`
	HealthStatus health `json:"healthStatus"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: argohealth <folder with <group>/<kind>/health.lua>")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "argohealth:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	scripts, err := filepath.Glob(filepath.Join(dir, "*", "*", "health.lua"))
	if err != nil {
		return err
	}
	if len(scripts) == 0 {
		return fmt.Errorf("no <group>/<kind>/health.lua in %s", dir)
	}
	var failed []error
	passed := 0
	for _, script := range scripts {
		var suite struct {
			Tests []test `json:"tests"`
		}
		folder := filepath.Dir(script)
		if err := read(filepath.Join(folder, "health_test.yaml"), &suite); err != nil {
			return err
		}
		for _, t := range suite.Tests {
			if err := t.run(script); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", filepath.Join(folder, t.InputPath), err))
			} else {
				passed++
			}
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, len(failed))
	return errors.Join(failed...)
}

func (t test) run(script string) error {
	var object map[string]any
	if err := read(filepath.Join(filepath.Dir(script), t.InputPath), &object); err != nil {
		return err
	}
	found, err := check(script, object)
	if err != nil {
		return err
	}
	if found != t.HealthStatus {
		return fmt.Errorf("expected %+v, found %+v", t.HealthStatus, found)
	}
	return nil
}

// check opens the libraries that Argo CD opens: base, package and table, but neither io nor string.
// https://github.com/argoproj/argo-cd/blob/master/util/lua/lua.go
func check(script string, object map[string]any) (found health, err error) {
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
	} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return found, err
		}
	}
	l.SetGlobal("obj", value(l, object))
	if err := l.DoFile(script); err != nil {
		return found, err
	}
	answer, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		return found, fmt.Errorf("the script returned %s, not a table", l.Get(-1).Type())
	}
	found.Status = text(answer.RawGetString("status"))
	found.Message = text(answer.RawGetString("message"))
	return found, nil
}

func text(value lua.LValue) string {
	if value == lua.LNil {
		return ""
	}
	return value.String()
}

func value(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case map[string]any:
		table := l.NewTable()
		for key, element := range v {
			table.RawSetString(key, value(l, element))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, element := range v {
			table.Append(value(l, element))
		}
		return table
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	default:
		return lua.LNil
	}
}

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
