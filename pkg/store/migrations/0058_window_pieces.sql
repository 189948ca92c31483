-- Which windows hold which piece of time, where all ends of the windows that a run of
-- computing asks for cut time into pieces. The program that asks knows them: finding
-- them in the calendar again took each statement longer than its facts. Rows are kept
-- like those of payoff_private.suppressed.
CREATE TABLE IF NOT EXISTS payoff_private.window_pieces
(
    `run` UInt64 COMMENT 'The run of computing: a random number.',
    `asked` UInt16 COMMENT 'Which of the run''s sets of windows.',
    `piece` DateTime64(3, 'UTC') COMMENT 'First instant of the piece.',
    `number` Int64 COMMENT 'The window: its start in milliseconds times 8 plus the place of its grain among those asked for, from 1; 0 if the piece is in none.',
    `window_start` DateTime64(3, 'UTC') COMMENT 'First instant of the window.',
    `window_end` DateTime64(3, 'UTC') COMMENT 'First instant after the window.',
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was written; kept a day.'
)
ENGINE = MergeTree
PARTITION BY run
ORDER BY (asked, piece, number)
TTL toDateTime(written_at) + INTERVAL 1 DAY
COMMENT 'Pieces of time and the windows that hold them, while points are computed.'
