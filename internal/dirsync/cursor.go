package dirsync

// Cursor is where a round stands. It is committed with every page and every
// slice, so that whoever goes on after a crash repeats at most the page or slice
// that was under way.
type Cursor struct {
	RunID    string   `json:"runId"`
	StageID  string   `json:"stageId"` // whose staging it fills; a first sync goes on in its shadow's
	Users    Position `json:"users"`
	Groups   Position `json:"groups"`
	Restarts int      `json:"restarts,omitempty"` // full rounds begun because a link had died
	Apply    Applied  `json:"apply"`
}

// Position is where one stream of a round stands.
type Position struct {
	Next  string `json:"next,omitempty"`  // the page to read; "" = the first one, of everything
	Delta string `json:"delta,omitempty"` // set when the stream has ended
}

// Of gives the stream's position.
func (c *Cursor) Of(s Stream) *Position {
	if s == Groups {
		return &c.Groups
	}
	return &c.Users
}

// Reading says which page to read next; done when both streams have ended.
func (c *Cursor) Reading() (s Stream, link string, done bool) {
	for _, s := range Streams {
		if p := c.Of(s); p.Delta == "" {
			return s, p.Next, false
		}
	}
	return "", "", true
}

// Advance moves the cursor behind a page.
func (c *Cursor) Advance(p Page) { *c.Of(p.Stream) = Position{Next: p.Next, Delta: p.Delta} }

// Restart begins to read everything anew.
func (c *Cursor) Restart(stageID string) {
	c.StageID, c.Users, c.Groups, c.Apply = stageID, Position{}, Position{}, Applied{}
	c.Restarts++
}

// Step is one part of applying a staging.
type Step string

// The steps in their order: everything that adds comes before anything that
// removes, and memberships are removed last, once it is known which of their
// ends a guard holds.
const (
	StepSeen          Step = "" // holds on objects that were seen again end
	StepPutUsers      Step = "put-users"
	StepPutGroups     Step = "put-groups"
	StepPutMembers    Step = "put-members"
	StepRemoveUsers   Step = "remove-users"
	StepRemoveGroups  Step = "remove-groups"
	StepRemoveMembers Step = "remove-members"
	StepDone          Step = "done"
)

var steps = []Step{StepSeen, StepPutUsers, StepPutGroups, StepPutMembers, StepRemoveUsers, StepRemoveGroups, StepRemoveMembers, StepDone}

// Applied is how far a staging was applied: the step, and the last key it dealt
// with. Held is the guard's reason for the step, taken once before its first
// removal, because the numbers it looked at change with every slice.
type Applied struct {
	Step    Step   `json:"step,omitempty"`
	After   Edge   `json:"after"` // GroupID alone for users and groups
	Guarded bool   `json:"guarded,omitempty"`
	Held    string `json:"held,omitempty"`
}

// NextStep moves to the following step.
func (a *Applied) NextStep() {
	for i, s := range steps[:len(steps)-1] {
		if s == a.Step {
			*a = Applied{Step: steps[i+1]}
			return
		}
	}
}
