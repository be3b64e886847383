package config

import "errors"

// LedgerAt is the settings of the ledger that a text names: a database as --database takes it, references included, or else a
// data folder.
func LedgerAt(text string, environ []string) (Settings, error) {
	refs := &references{lookupEnv: (&layers{environ: environ}).lookupEnv, files: map[string]fileContent{}}
	value, err := expand(text, func(reference string) (Secret, error) { return refs.resolve(reference, "") })
	switch {
	case err != nil:
		return Settings{}, err
	case isDatabase(value.Reveal()):
		return Settings{Database: NewSecret(value.Reveal())}, nil
	case value.Reveal() != text:
		return Settings{}, errors.New("what stands behind the reference is no postgres://USER:PASSWORD@HOST/NAME") // nor may it be shown
	}
	return Settings{Data: text}, nil
}
