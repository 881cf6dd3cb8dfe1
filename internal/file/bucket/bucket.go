// Package bucket keeps sealed files in a store that speaks the S3 protocol. It never sees what opens them.
//
// It refuses to make a bucket, to list one, and to know what a file is. This file is the whole package.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Place is where a bucket is and how it is entered.
type Place struct {
	Endpoint string // such as https://objects.internal:9000
	Region   string
	Name     string // of the bucket, which must exist
	Prefix   string // of every name, such as civic/
	Access   string
	Secret   string
}

// Bucket is one open bucket: a file.Bucket.
type Bucket struct {
	client       *minio.Client
	name, prefix string
}

const (
	patience = 2 * time.Minute // for one small answer; a transfer has its caller's time
	partSize = 16 << 20        // held in memory for a file whose length is unknown; ours are known
)

// Open makes ready to talk to the bucket. It asks nothing: a store that is away when a city starts is told by the
// first file.
func Open(p Place) (*Bucket, error) {
	u, err := url.Parse(p.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("bucket: endpoint %q is not scheme and host, such as https://objects.internal:9000", p.Endpoint)
	}
	if p.Name == "" || p.Access == "" || p.Secret == "" {
		return nil, errors.New("bucket: name, access_key and secret_key are needed")
	}
	client, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(p.Access, p.Secret, ""), Secure: u.Scheme == "https",
		Region: p.Region, BucketLookup: minio.BucketLookupPath})
	if err != nil {
		return nil, fmt.Errorf("bucket: %w", err)
	}
	return &Bucket{client, p.Name, p.Prefix}, nil
}

// Put stores size bytes of body. The store checks them by a hash of its own before the name exists.
func (b *Bucket) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) error {
	_, err := b.client.PutObject(ctx, b.name, b.prefix+name, body, size, minio.PutObjectOptions{ContentType: "application/octet-stream",
		DisableMultipart: size < 5<<30, PartSize: partSize})
	return told("put", err)
}

// Get reads what was stored.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	o, err := b.client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, told("get", err)
	}
	if _, err := o.Stat(); err != nil { // nothing was asked before
		o.Close()
		return nil, told("get", err)
	}
	return o, nil
}

// Remove takes a name away; an absent one is no error.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := told("remove", b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{})); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// told turns the store's answer into an error with the way out in it.
func told(what string, err error) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	switch r.Code {
	case "NoSuchKey":
		return fmt.Errorf("bucket: %s: %w", what, fs.ErrNotExist)
	case "NoSuchBucket":
		return fmt.Errorf("bucket: %s: there is no bucket of that name; make it, or name another in the file given with --files: %w", what, err)
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return fmt.Errorf("bucket: %s: the store refuses the key; look at access_key and secret_key in the file given with --files: %w", what, err)
	}
	return fmt.Errorf("bucket: %s: %w", what, err)
}
