-- The database readers cannot open: whatever holds a person's pseudonym or leads
-- to one lives here, and leaves it only through views that carry teams and counts.
CREATE DATABASE IF NOT EXISTS payoff_private
COMMENT 'What only the rollup reads: rows with pseudonyms, sealed bodies.'
