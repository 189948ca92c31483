-- The database analysts and dashboards read. Its names are a contract.
CREATE DATABASE IF NOT EXISTS payoff
COMMENT 'What Payoff publishes: facts, metrics, bets, OKRs. Every table and column has a comment.'
