// Package policy decides what a caller may do, by documents in the vendor's
// RAM form: Version "1" and a list of statements, each with an effect,
// actions, resources and conditions (contract §1.9).
//
// It is pure: it takes bytes and facts and returns answers. What it does not
// understand is an error when a document is read, so that no rule is ever
// passed over. If it is wrong, somebody purges what they may not, or cannot
// purge what they must.
package policy
