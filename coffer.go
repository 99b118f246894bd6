// Package coffer holds the nouns of coffer and what makes each of them valid:
// accounts, access keys, buckets, objects, uploads, and the errors that any
// operation on them can end in. It imports the standard library only, and knows
// nothing of HTTP, of XML, of databases or of files.
package coffer

// Version is what `coffer version` prints and the Server header does not.
const Version = "0.1.0-dev"
