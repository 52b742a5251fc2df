// Package console is the web console: the pages on which a customer's
// administrator sees what needs doing, migrates a directory synchronization and
// watches it afterwards.
//
// A page is complete as the server sends it and works without JavaScript: forms
// post to the page's own address, which answers 303 when the thing is done and
// 422 with the page when it is refused. With JavaScript a page also listens to
// the product's event stream; an event says only that something changed, and the
// page asks for itself again and morphs its parts marked data-live.
//
// What is shown comes from the service's views, what is done goes to its
// commands; no rule of the business lives here or in a template. A view model is
// a struct per page, and every template is checked against its own.
package console
