// Package catalog takes media into the catalog: it reads JSON Lines, checks
// and normalises every media, and stores the good ones.
//
// It must not know how media are stored or who sent them. The native API calls
// it for `freshet media import`. What it accepts is what purges and prefetches
// cover: a stream that is taken in under the wrong URL is never purged, and one
// of a foreign host would let an account touch another's objects.
package catalog
