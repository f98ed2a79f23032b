/**
 * The words that the modules share. Types only: nothing here runs.
 *
 * @typedef {object} Item  One message that the server has put into our hands.
 * @property {string} job_id
 * @property {string} task_id
 * @property {string} dest_username
 * @property {{message: string, dry_run?: boolean, cool_off_days?: number | null}} payload
 * @property {string} lease_id
 * @property {string} lease_expires_at  ISO 8601, by the server's clock
 * @property {number} attempt
 * @property {boolean} maybe_sent  look into the thread before typing
 *
 * @typedef {Item & {deadline: number}} Held  An item with its lease's end by our own clock, in ms.
 *
 * @typedef {'sent' | 'dry_run' | 'already_messaged' | 'opted_out' | 'not_allowed' | 'not_found' | 'layout_changed'
 *   | 'rate_limited' | 'unknown'} Code  What became of a message, in the contract's words.
 *
 * @typedef {object} Report  A result on its way to the server.
 * @property {string} job_id
 * @property {string} task_id
 * @property {string} lease_id
 * @property {boolean} ok
 * @property {Code} code
 * @property {string} [dest_username]
 * @property {string} [error]
 * @property {number} [retry_after_s]
 *
 * @typedef {object} Bubble  One message in a thread.
 * @property {boolean} mine
 * @property {string} text
 *
 * @typedef {object} Pace  How quickly to send, at most.
 * @property {number} perHour
 * @property {number} perDay
 * @property {number} gapMinS  shortest pause between two messages, seconds
 * @property {number} gapMaxS  longest
 * @property {number} fromHour  0..23, local time: nothing is sent before it
 * @property {number} toHour  1..24, nor from it on; equal to fromHour: round the clock
 *
 * @typedef {'resting' | 'pulling' | 'opening' | 'entering' | 'reading' | 'typing' | 'sending' | 'paused'
 *   | 'stopped'} Phase
 *
 * @typedef {object} Sender  Everything that the sender knows. It is written down before each step is taken.
 * @property {Phase} phase
 * @property {number} turn  grows with every step: an answer to an older step is nobody's
 * @property {number} since  when the phase began, ms
 * @property {number} until  resting: when to go on, ms
 * @property {string} why  resting, paused, stopped: the reason, a key of the texts
 * @property {string} detail  what the reason is about: an account, a step, a word of the site
 * @property {Held | null} item  in our hands
 * @property {number} alike  how many bubbles of ours with this text there were before the sending
 * @property {number} intentAt  when the sending was decided, ms; 0: not yet. From then on nothing is typed any more
 * @property {'' | 'paused' | 'stopped'} then  what the user wants as soon as it is known whether the message left
 * @property {number[]} history  when messages were sent in the last day, ms, oldest first
 * @property {number} dryRunsLeft  messages that are only played
 * @property {number} strikes  times in a row that the site said to slow down
 * @property {number} failures  times in a row that the server or the page did not answer
 *
 * @typedef {object} Env  What a step may know beside the state and the event.
 * @property {number} now  ms since 1970
 * @property {() => number} random  0 <= x < 1
 * @property {Pace} pace  never above what the server allows
 * @property {boolean} dryRun
 * @property {string[]} optOut  words of people who want no messages
 *
 * @typedef {{type: 'wake'} | {type: 'start'} | {type: 'pause'} | {type: 'stop'}
 *   | {type: 'pulled', items: Item[], retryAfterS: number, serverNow: number}
 *   | {type: 'pull_failed', retryAfterS?: number, fatal?: string, detail?: string}
 *   | {type: 'opened'} | {type: 'not_found'} | {type: 'entered'} | {type: 'not_allowed'}
 *   | {type: 'read', bubbles: Bubble[], refused: boolean, box: boolean}
 *   | {type: 'typed'} | {type: 'bubble'} | {type: 'no_bubble'}
 *   | {type: 'blocked', words: string} | {type: 'logged_out'}
 *   | {type: 'other_account', account: string} | {type: 'layout_unknown', step: string}
 *   | {type: 'page_gone'}} Event
 *
 * @typedef {{do: 'pull'} | {do: 'open', username: string} | {do: 'enter', username: string} | {do: 'read', text: string,
 *   alike: number, patient: boolean} | {do: 'type', text: string} | {do: 'send', text: string, alike: number}} Effect
 *
 * @typedef {object} Step  What comes of an event.
 * @property {Sender} state
 * @property {Effect | null} effect  to be done after the state is written
 * @property {Report[]} reports  to be written with the state
 * @property {Line[]} log  likewise
 *
 * @typedef {object} Line  One line of the activity log.
 * @property {number} at
 * @property {string} what  a key of the texts
 * @property {string} [who]
 * @property {string} [detail]
 */
export {};
