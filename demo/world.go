package demo

// A domain is a kind of thing: how sentences about it are formed and what can
// be said.
type domain struct {
	article    string // before the bare name: "the " or nothing
	prefix     string // between an adjective and the name
	adjectives []string
	aspects    []aspect
	entities   []entity
}

// An aspect is one thing to say about every entity of a domain. Its verb names
// it: no two aspects of the world share one.
type aspect struct {
	name   string
	verb   string
	values []value
}

// A value fills an aspect. A reason fits exactly one value of the world, the
// one it stands beside.
type value struct {
	text    string
	reasons []string
}

// An entity is something to talk about, with the true value of each aspect in
// the order of its domain.
type entity struct {
	name  string
	facts [4]string
}

// Adverbs stand before the verb of any sentence; adding one never changes
// whether the sentence is true.
var adverbs = []string{"clearly", "really", "truly", "surely", "certainly", "indeed"}

// Fillers are reasons that explain nothing.
var fillers = []string{"that is so", "people say so"}

var world = []domain{
	{
		article:    "the ",
		adjectives: []string{"clever", "quiet", "proud", "gentle", "lively", "patient"},
		aspects: []aspect{
			{"food", "eats", []value{
				{"berries", []string{"sweet things tempt it", "they ripen nearby"}},
				{"fish", []string{"they are rich in oil", "the streams are full"}},
				{"grass", []string{"it grows everywhere", "meadows surround it"}},
				{"mice", []string{"it hunts at dusk", "they are easy prey"}},
			}},
			{"home", "lives in", []value{
				{"the forest", []string{"the trees hide it", "it likes the shade"}},
				{"the hills", []string{"the rocks are steep", "the air is clear there"}},
				{"the water", []string{"the waves carry it", "it loves to float"}},
				{"the barn", []string{"the hay is warm", "a farmer feeds it"}},
			}},
			{"skill", "can", []value{
				{"run fast", []string{"it has long legs", "its steps are light"}},
				{"dive deep", []string{"it holds its breath", "its body is smooth"}},
				{"climb well", []string{"its grip is firm", "it never slips"}},
				{"see in the dark", []string{"the night is its day", "its sight is sharp"}},
			}},
			{"look", "has", []value{
				{"a bushy tail", []string{"it needs balance", "it signals with it"}},
				{"thick fur", []string{"winters are cold", "it sleeps outside"}},
				{"big eyes", []string{"it watches everything", "little light is enough"}},
				{"a broad back", []string{"its bones are heavy", "it works hard"}},
			}},
		},
		entities: []entity{
			{"fox", [4]string{"mice", "the forest", "run fast", "a bushy tail"}},
			{"squirrel", [4]string{"berries", "the forest", "climb well", "a bushy tail"}},
			{"bear", [4]string{"berries", "the hills", "climb well", "thick fur"}},
			{"goat", [4]string{"grass", "the hills", "climb well", "thick fur"}},
			{"otter", [4]string{"fish", "the water", "dive deep", "thick fur"}},
			{"whale", [4]string{"fish", "the water", "dive deep", "a broad back"}},
			{"horse", [4]string{"grass", "the barn", "run fast", "a broad back"}},
			{"owl", [4]string{"mice", "the barn", "see in the dark", "big eyes"}},
			{"cat", [4]string{"fish", "the barn", "see in the dark", "big eyes"}},
		},
	},
	{
		prefix:     "city of ",
		adjectives: []string{"grand", "old", "busy", "lovely", "famous", "charming"},
		aspects: []aspect{
			{"weather", "is", []value{
				{"sunny", []string{"clouds are rare", "the south is near"}},
				{"rainy", []string{"clouds come from the sea", "the west wind is wet"}},
				{"snowy", []string{"the north is near", "winter stays long"}},
				{"foggy", []string{"mist rises at dawn", "the wind is weak"}},
			}},
			{"water", "lies on", []value{
				{"a river", []string{"farmers needed water", "boats came upstream"}},
				{"the sea", []string{"sailors founded it", "its harbor is deep"}},
				{"canals", []string{"the ground was a swamp", "it was built on islands"}},
				{"a lake", []string{"a glacier once melted", "the valley filled up"}},
			}},
			{"sight", "shows", []value{
				{"ruins", []string{"an empire fell", "time broke the walls"}},
				{"ships", []string{"traders crossed the world", "it honors its captains"}},
				{"bridges", []string{"people must cross", "water divides it"}},
				{"towers", []string{"builders aimed high", "the view is wide"}},
			}},
			{"dish", "serves", []value{
				{"pasta", []string{"tomatoes thrive there", "families roll dough"}},
				{"bread", []string{"bakers rise early", "wheat is cheap"}},
				{"seafood", []string{"nets come in full", "its market smells of salt"}},
				{"cheese", []string{"cows graze around it", "milk keeps that way"}},
			}},
		},
		entities: []entity{
			{"Rome", [4]string{"sunny", "a river", "ruins", "pasta"}},
			{"Cairo", [4]string{"sunny", "a river", "ruins", "bread"}},
			{"Paris", [4]string{"rainy", "a river", "towers", "bread"}},
			{"Lisbon", [4]string{"sunny", "the sea", "ships", "seafood"}},
			{"Oslo", [4]string{"snowy", "the sea", "ships", "seafood"}},
			{"Venice", [4]string{"foggy", "canals", "bridges", "pasta"}},
			{"Amsterdam", [4]string{"rainy", "canals", "bridges", "cheese"}},
			{"Geneva", [4]string{"snowy", "a lake", "ships", "cheese"}},
			{"Zurich", [4]string{"foggy", "a lake", "towers", "cheese"}},
		},
	},
	{
		article:    "the ",
		adjectives: []string{"simple", "fresh", "fine", "humble", "tasty", "popular"},
		aspects: []aspect{
			{"taste", "tastes", []value{
				{"sour", []string{"it is full of acid", "sugar is missing"}},
				{"sweet", []string{"it is full of sugar", "nature rewards eaters"}},
				{"bitter", []string{"it keeps pests away", "it contains tannin"}},
				{"hot", []string{"it burns the tongue", "its oil stings"}},
			}},
			{"color", "looks", []value{
				{"yellow", []string{"it catches the sun", "it glows like gold"}},
				{"red", []string{"ripe skin blushes", "birds notice that"}},
				{"green", []string{"its leaves drink light", "it is picked early"}},
				{"brown", []string{"it was dried", "earth stains it"}},
			}},
			{"origin", "comes from", []value{
				{"the orchard", []string{"it hangs on branches", "pickers climb ladders"}},
				{"the garden", []string{"it is sown in rows", "the beds are watered"}},
				{"the tropics", []string{"frost would kill it", "the heat is damp there"}},
				{"the slopes", []string{"dry stones suit it", "wild herbs surround it"}},
			}},
			{"use", "goes into", []value{
				{"tea", []string{"it soothes the throat", "a hot cup needs it"}},
				{"cakes", []string{"children ask for dessert", "it softens when baked"}},
				{"salads", []string{"it is best raw", "lettuce is dull alone"}},
				{"soup", []string{"it boils down well", "the broth needs depth"}},
			}},
		},
		entities: []entity{
			{"lemon", [4]string{"sour", "yellow", "the orchard", "salads"}},
			{"cherry", [4]string{"sour", "red", "the orchard", "cakes"}},
			{"apple", [4]string{"sweet", "red", "the orchard", "cakes"}},
			{"honey", [4]string{"sweet", "yellow", "the slopes", "tea"}},
			{"olive", [4]string{"bitter", "green", "the slopes", "salads"}},
			{"spinach", [4]string{"bitter", "green", "the garden", "soup"}},
			{"cocoa", [4]string{"bitter", "brown", "the tropics", "cakes"}},
			{"ginger", [4]string{"hot", "brown", "the tropics", "tea"}},
			{"chili", [4]string{"hot", "red", "the garden", "soup"}},
		},
	},
}

// findEntity returns an entity and its domain; both are empty for an unknown
// name.
func findEntity(name string) (*domain, *entity) {
	for i := range world {
		for j := range world[i].entities {
			if world[i].entities[j].name == name {
				return &world[i], &world[i].entities[j]
			}
		}
	}
	return &domain{}, &entity{}
}

// findAspect returns an aspect of any domain, empty for an unknown name.
func findAspect(name string) *aspect {
	for i := range world {
		if k := world[i].index(name); k >= 0 {
			return &world[i].aspects[k]
		}
	}
	return &aspect{}
}

// index returns the place of an aspect in d, or -1 if d has none such.
func (d *domain) index(aspect string) int {
	for i := range d.aspects {
		if d.aspects[i].name == aspect {
			return i
		}
	}
	return -1
}

// reasons returns the reasons that fit a value, nil for an unknown one.
func (a *aspect) reasons(value string) []string {
	for _, v := range a.values {
		if v.text == value {
			return v.reasons
		}
	}
	return nil
}

// fact returns the true value of an entity's aspect; "" where there is none.
func fact(entity, aspect string) string {
	d, e := findEntity(entity)
	if k := d.index(aspect); k >= 0 {
		return e.facts[k]
	}
	return ""
}
