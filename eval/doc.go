// Package eval says what a run showed: measures with intervals, a page, and a
// short table. It reads rows only; sampling and scoring of the held-out
// prompts are done by the stages that do them for training.
//
//	Input -> Measures -> WriteJSON   report.json
//	     \-> WriteHTML               report.html, one offline file
//	         WriteMarkdown           report.md, its twin
//	         Summary                 the table at the end of a run
//
// Every number has a 95 % interval by bootstrap over prompts: all answers to
// a prompt are drawn together, and in a comparison the same prompts are drawn
// on both sides. The draws are a function of the seed alone. The intervals
// speak of the prompts, not of other training seeds. Shares have Wilson's
// interval instead, which does not vanish at 0 and 1.
//
// A benchmark hands its numbers on as a [Result] with [Item] rows, which
// [Paired] compares. The paper's experiments are a [Page] each, made of
// [Outcomes] over seeds or, for Table 2, of [BanditRun] rows; its [Claim] rows
// are decided by whole intervals.
//
// # Measures
//
// P and Q are policies, G a goal (goal-10, no-goal), A and B attributes, U and
// V entries of [Input.Unlearning], C a training curve, S an entry of
// [Input.Scales]. Reward is the exact rule's where the run has one, else the
// ranker's score on 1–10. A measure that the rows do not define, such as a
// correlation with a constant, is absent.
//
//	reward/P                  mean reward asked as in use ([Policy.Goal])
//	reward/P/G                mean reward of the answers to one goal
//	attribute/P/G/A           mean of one attribute of it
//	gain/P/over-Q             reward/P minus reward/Q, on the prompts of both
//	win/P/G                   share of its answers better than the first policy's without a goal, ties half
//	win/P/over-Q              the same against Q's, both asked as in use
//	ranker/P, ranker/P/G      as reward, by the ranker's mapped score
//	ranker/P/spearman[/A]     rank correlation of ranker and exact rule over answers
//	goal/P/spearman           of goal asked and the goals' mean rewards
//	goal/P/spearman-answers   the same over single answers
//	goal/P/range              reward at the highest goal minus at the lowest
//	goal/P/rises              share of neighbouring goals at the higher of which the mean reward is higher
//	goal/P/error              mean distance of the goals' mean rewards from the goals
//	goal/P/A/…                the same for the dial of one attribute, others held
//	goal/P/A/range/B          what turning dial A does to attribute B
//	unlearning/U/rejected_logp      mean log-probability of good rejected answers
//	unlearning/U/rejected_logp-low  the same of the poor ones
//	unlearning/U/over-V             rejected_logp of U minus V, on the answers of both
//	finish/P[/G]              share of answers that end by a stop token
//	parse/P[/G]               share of answers whose every sentence parses
//	length/P[/G]              mean response tokens
//	length/P/spearman         rank correlation of reward and length over its answers in use
//	diversity/P/G/unique      mean over prompts of the share of different texts among a prompt's answers
//	diversity/P/G/distinct-N  the same of different N-grams of tokens among all of them (Li et al. 2016)
//	drawn/S/…                 the same of the samples that an iteration's pairs are made of
//	train/C/…                 end of the training curve: mean of its last tenth
//	sampler/logp_gap[/S]            mean |log-probability of a sampled token − the trainer's|, at the sampler's weights and ids
//	sampler/logp_gap-largest[/S]    the largest of these
//	unscored/P[/G]            share of answers without a finite score; means leave them out
//	scale/S[/A]/…             the map to 1–10: limits, shares clipped, unscored and tied, and the drift
//	                          of mean and quantiles, raw and mapped, from the first iteration's
//	scale/S/flipped           share of a pairwise ranker's pairs with another winner in the other order
//	scale/S/first-place       mean of both orders' logits: above zero the first place is favoured
package eval
