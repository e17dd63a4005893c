// Renders a Helm chart as `helm template` does, for machines without Helm: the same template engine (text/template) and
// function library (sprig), from Debian's packages. Subcharts, post-renderers and a cluster's answers are not done.
//
//	render CHART RELEASE NAMESPACE KUBE_VERSION install|upgrade cluster|none <values.json
//
// With `cluster`, `lookup` finds the namespace kube-system, which every cluster has, and no other object.
//
// Prints {"templates/x.yaml": "rendered text", …} as JSON.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

// Files is what a template sees as .Files: the chart's files that are no templates.
type Files map[string][]byte

func (files Files) Get(name string) string { return string(files[name]) }

func (files Files) Glob(pattern string) Files {
	found := Files{}
	for name, content := range files {
		if ok, _ := filepath.Match(pattern, name); ok {
			found[name] = content
		}
	}
	return found
}

func (files Files) AsConfig() string {
	config := map[string]string{}
	for name, content := range files {
		config[filepath.Base(name)] = string(content)
	}
	return toYAML(config)
}

// Versions is .Capabilities.APIVersions.
type Versions map[string]bool

func (versions Versions) Has(name string) bool { return versions[name] }

func toYAML(value interface{}) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

func functions(root *template.Template, hasCluster bool) template.FuncMap {
	functions := sprig.TxtFuncMap()
	delete(functions, "env") // Helm has neither: a chart must not read the machine that renders it
	delete(functions, "expandenv")
	functions["toYaml"] = toYAML
	functions["toJson"] = func(value interface{}) string { text, _ := json.Marshal(value); return string(text) }
	functions["fromYaml"] = func(text string) map[string]interface{} {
		value := map[string]interface{}{}
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			value["Error"] = err.Error()
		}
		return value
	}
	functions["fromJson"] = functions["fromYaml"]
	functions["lookup"] = func(version, kind, namespace, name string) map[string]interface{} {
		if hasCluster && kind == "Namespace" && name == "kube-system" {
			return map[string]interface{}{"metadata": map[string]interface{}{"name": name}}
		}
		return map[string]interface{}{} // as `helm template` answers without a cluster
	}
	functions["required"] = func(message string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, fmt.Errorf("%s", message)
		}
		return value, nil
	}
	functions["include"] = func(name string, data interface{}) (string, error) {
		var out bytes.Buffer
		err := root.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	functions["tpl"] = func(text string, data interface{}) (string, error) {
		clone, err := root.Clone()
		if err != nil {
			return "", err
		}
		parsed, err := clone.New("tpl").Parse(text)
		if err != nil {
			return "", err
		}
		var out bytes.Buffer
		err = parsed.Execute(&out, data)
		return strings.ReplaceAll(out.String(), "<no value>", ""), err
	}
	return functions
}

func render(folder, release, namespace, kubeVersion string, isUpgrade, hasCluster bool, values map[string]interface{}) (map[string]string, error) {
	chart := map[string]interface{}{}
	text, err := os.ReadFile(filepath.Join(folder, "Chart.yaml"))
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(text, &chart); err != nil {
		return nil, err
	}
	capital := map[string]interface{}{}
	for name, value := range chart {
		capital[strings.ToUpper(name[:1])+name[1:]] = value
	}
	root := template.New("chart").Option("missingkey=zero")
	root.Funcs(functions(root, hasCluster))
	files, names := Files{}, []string{}
	err = filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(folder, path)
		if !strings.HasPrefix(name, "templates/") {
			files[name] = content
			return nil
		}
		if _, err := root.New(name).Parse(string(content)); err != nil {
			return err
		}
		if !strings.HasPrefix(filepath.Base(name), "_") {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	parts := strings.Split(strings.TrimPrefix(kubeVersion, "v"), ".")
	data := map[string]interface{}{
		"Values": values,
		"Chart":  capital,
		"Files":  files,
		"Release": map[string]interface{}{
			"Name": release, "Namespace": namespace, "Service": "Helm", "Revision": 1,
			"IsInstall": !isUpgrade, "IsUpgrade": isUpgrade,
		},
		"Capabilities": map[string]interface{}{
			"APIVersions": Versions{},
			"KubeVersion": map[string]interface{}{
				"Version": kubeVersion, "GitVersion": kubeVersion, "Major": parts[0], "Minor": parts[1],
			},
		},
	}
	sort.Strings(names)
	rendered := map[string]string{}
	for _, name := range names {
		data["Template"] = map[string]interface{}{"Name": name, "BasePath": "templates"}
		var out bytes.Buffer
		if err := root.ExecuteTemplate(&out, name, data); err != nil {
			return nil, err
		}
		// Helm's own way with a value that is missing.
		rendered[name] = strings.ReplaceAll(out.String(), "<no value>", "")
	}
	return rendered, nil
}

func main() {
	if len(os.Args) != 7 {
		fmt.Fprintln(os.Stderr, "usage: render CHART RELEASE NAMESPACE KUBE_VERSION install|upgrade cluster|none <values.json")
		os.Exit(2)
	}
	values := map[string]interface{}{}
	if err := json.NewDecoder(os.Stdin).Decode(&values); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	rendered, err := render(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5] == "upgrade", os.Args[6] == "cluster", values)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(rendered)
}
