// Package activities holds the side effects that workflows ask for: one struct
// per family, one method per effect, named port + verb + object because the
// method name is the activity's type in every recorded history. An activity
// decides what is retryable; what a rule refused is a result and not an error.
package activities
