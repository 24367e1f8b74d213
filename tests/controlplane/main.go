// Command controlplane runs a real Kubernetes control plane (etcd, kube-apiserver
// and the kube-controller-manager loops that tests rely on) in one process on
// 127.0.0.1. It has no nodes: pods are stored but never run.
//
// Once everything answers it prints one line, "KUBECONFIG=<path>", on stdout; its
// log goes to stderr. It stops on SIGINT, on SIGTERM and when its stdin is closed,
// so that it never outlives the test run which holds the other end.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
	_ "time/tzdata" // for CEL rules on time zones, as in kube-apiserver

	"go.etcd.io/etcd/server/v3/embed"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/keyutil"
	logsapi "k8s.io/component-base/logs/api/v1"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

const (
	name = "lambda-triggers-test"
	// Namespaces are emptied and removed, dependents follow their owners, and each
	// namespace has its default service account. Nothing else is of use without nodes.
	controllers  = "namespace-controller,garbage-collector-controller,serviceaccount-controller"
	readyTimeout = 2 * time.Minute
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // whoever read our log may be gone before we have cleaned up
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := run(stop); err != nil && stop.Err() == nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}

// run serves until stop is done. All data is disposable, so nothing is drained.
func run(stop context.Context) error {
	dir, err := os.MkdirTemp("", name+"-")
	if err != nil {
		return err
	}
	defer removeAll(dir)

	etcd, client, err := startEtcd(stop, filepath.Join(dir, "etcd"))
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	failed := make(chan error, 2)
	plane, err := startAPIServer(dir, client, failed)
	if err != nil {
		return err
	}
	if err := plane.waitReady(stop, failed); err != nil {
		return err
	}
	plane.startControllers(failed)
	fmt.Println("KUBECONFIG=" + plane.kubeconfigFile())

	select {
	case <-stop.Done():
		return nil
	case err = <-etcd.Err():
		return fmt.Errorf("etcd stopped: %w", err)
	case err = <-failed:
		return err
	}
}

// startEtcd runs a cluster of one member, plain HTTP on loopback, without fsync.
func startEtcd(stop context.Context, dir string) (*embed.Etcd, url.URL, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, url.URL{}, err
	}
	client, peer := loopback("http", ports[0]), loopback("http", ports[1])
	cfg := embed.NewConfig()
	cfg.Dir, cfg.LogLevel, cfg.UnsafeNoFsync = dir, "fatal", true
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, client, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, client, nil
	case err = <-etcd.Err():
		return nil, client, err
	case <-stop.Done():
		return nil, client, stop.Err()
	}
}

// plane is an API server, seen by its administrator.
type plane struct {
	dir    string
	server url.URL
	token  string
}

func (p plane) file(name string) string { return filepath.Join(p.dir, name) }

func (p plane) kubeconfigFile() string { return p.file("kubeconfig") }

func (p plane) servingCert() string { return p.file("pki/apiserver.crt") }

func (p plane) signingKey() string { return p.file("service-account.key") }

// startAPIServer returns at once; what ends the server goes to failed. The server
// makes its own serving certificate in pki/.
func startAPIServer(dir string, etcd url.URL, failed chan<- error) (plane, error) {
	ports, err := freePorts(1)
	if err != nil {
		return plane{}, err
	}
	p := plane{dir: dir, server: loopback("https", ports[0]), token: rand.Text()}
	key, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return p, err
	}
	tokens := p.file("tokens.csv")
	if err := errors.Join(
		os.WriteFile(p.signingKey(), key, 0o600),
		os.WriteFile(tokens, []byte(p.token+",admin,admin,system:masters\n"), 0o600),
	); err != nil {
		return p, err
	}

	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged // two components in one process
	api := apiserver.NewAPIServerCommand()
	api.SetArgs([]string{
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port=" + p.server.Port(),
		"--cert-dir=" + filepath.Dir(p.servingCert()),
		"--etcd-servers=" + etcd.String(),
		"--etcd-compaction-interval=0",
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC",
		"--token-auth-file=" + tokens,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + p.signingKey(),
		"--service-account-signing-key-file=" + p.signingKey(),
		"--enable-priority-and-fairness=false",
		"--profiling=false",
	})
	go func() { failed <- fmt.Errorf("kube-apiserver stopped: %w", api.Execute()) }()
	return p, nil
}

// waitReady returns once the API server is up and has made its own namespaces,
// and leaves the administrator's kubeconfig behind.
func (p plane) waitReady(stop context.Context, failed <-chan error) error {
	stop, cancel := context.WithTimeoutCause(stop, readyTimeout, fmt.Errorf("not within %s", readyTimeout))
	defer cancel()
	for {
		err := p.ready(stop)
		if err == nil {
			return nil
		}
		select {
		case <-stop.Done():
			return fmt.Errorf("kube-apiserver not ready: %w; last answer: %w", context.Cause(stop), err)
		case err = <-failed:
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p plane) ready(ctx context.Context) error {
	cert, err := os.ReadFile(p.servingCert())
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.CurrentContext = name
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: "admin"}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: p.token}
	config.Clusters[name] = &clientcmdapi.Cluster{Server: p.server.String(), CertificateAuthorityData: cert}
	rest, err := clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return err
	}
	if _, err = client.RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
		return err
	}
	if _, err = client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{}); err != nil {
		return err
	}
	return clientcmd.WriteToFile(*config, p.kubeconfigFile())
}

// startControllers returns at once; what ends them goes to failed.
func (p plane) startControllers(failed chan<- error) {
	manager := kcm.NewControllerManagerCommand()
	manager.SetArgs([]string{
		"--kubeconfig=" + p.kubeconfigFile(),
		"--controllers=" + controllers,
		"--controller-start-interval=0s",
		"--leader-elect=false",
		"--profiling=false",
		"--secure-port=0",
	})
	go func() {
		failed <- fmt.Errorf("kube-controller-manager stopped: %w", manager.ExecuteContext(context.Background()))
	}()
}

func loopback(scheme string, port int) url.URL {
	return url.URL{Scheme: scheme, Host: fmt.Sprintf("127.0.0.1:%d", port)}
}

// freePorts looks below the range from which the system hands out ports, so that
// no other process gets one of them before we listen on it.
func freePorts(n int) (ports []int, err error) {
	for attempts := 0; len(ports) < n && attempts < 100; attempts++ {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+mathrand.IntN(12_000))); err != nil {
			continue
		}
		defer l.Close() // all stay open until every port is chosen
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	if len(ports) < n {
		return nil, fmt.Errorf("no free port on 127.0.0.1: %w", err)
	}
	return ports, nil
}

// removeAll tries again: etcd still writes while its directory is taken away.
func removeAll(dir string) {
	for range 10 {
		if os.RemoveAll(dir) == nil {
			return
		}
	}
}
