package courier

// Said is said, for the tests.
var Said = said
