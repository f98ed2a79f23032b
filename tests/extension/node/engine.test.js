/** The whole sender against a world in memory: killed everywhere, kept waiting, and never too quick. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';

import {DAY, HOUR} from '../../../extension/src/pace.js';
import {QUICK} from './kit.js';
import {World} from './world.js';

const PEOPLE = ['ana', 'luz'];

function assertOnceEach(world, people) {
  const names = world.sent.map(one => one.name);
  assert.deepEqual([...new Set(names)].sort(), names.slice().sort(), 'nobody twice');
  assert.deepEqual(names.slice().sort(), people.slice().sort(), 'nobody forgotten');
  for (const task of world.tasks) assert.equal(task.status, 'ok', `${task.name} is known to the server`);
}

describe('killed at every point', () => {
  it('sends to everybody once and tells the server', async () => {
    const quiet = new World(PEOPLE);
    await quiet.run({until: () => quiet.done});
    assertOnceEach(quiet, PEOPLE);
    assert.ok(quiet.calls > 60);
    for (let at = 1; at <= quiet.calls; at += 1) {
      const world = new World(PEOPLE, {killAt: [at]});
      await world.run({until: () => world.done});
      assert.equal(world.kills, 1, `killed at ${at}`);
      assertOnceEach(world, PEOPLE);
    }
  });

  it('also when it is killed again and again', async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const world = new World(PEOPLE, {seed});
      const killAt = Array.from({length: 8}, () => 1 + Math.floor(world.random() * 160));
      world.killAt = new Set(killAt);
      await world.run({until: () => world.done});
      assertOnceEach(world, PEOPLE);
    }
  });
});

describe('the server away', () => {
  it('keeps the reports and sends them later, with their leases', async () => {
    const world = new World(PEOPLE);
    let away = false;
    world.serverAway = () => away;
    const send = world.send.bind(world);
    world.send = text => { away = true; send(text); };
    await world.run({hours: 72});
    assert.equal(world.disk.outbox.length, 1);
    assert.equal(world.sent.length, 1);
    [away, world.send] = [false, send];
    await world.run({until: () => world.done});
    assertOnceEach(world, PEOPLE);
  });
});

describe('thirty hours', () => {
  for (const [name, pace, limits] of [
    ['of the user\'s pace', {...QUICK, perHour: 4, perDay: 15, gapMinS: 30, gapMaxS: 300}, {messages_per_hour: 50, messages_per_day: 50}],
    ['of the server\'s pace', {...QUICK, perHour: 50, perDay: 50}, {messages_per_hour: 6, messages_per_day: 20}],
    ['of working hours', {...QUICK, fromHour: 9, toHour: 17}, {messages_per_hour: 6, messages_per_day: 50}],
  ]) {
    it(`${name} never pass a limit`, async () => {
      const people = Array.from({length: 200}, (_, i) => `p${i}`);
      const world = new World(people, {pace, settings: {limits}});
      await world.run({hours: 30});
      const times = world.sent.map(one => one.at);
      const perHour = Math.min(pace.perHour, limits.messages_per_hour), perDay = Math.min(pace.perDay, limits.messages_per_day);
      assert.ok(most(times, HOUR) <= perHour, `${most(times, HOUR)} in an hour`);
      assert.ok(most(times, DAY) <= perDay, `${most(times, DAY)} in a day`);
      assert.ok(times.length >= Math.min(perDay, perHour * 5), 'and it does go on');
      for (const at of times) {
        const hour = new Date(at).getHours();
        assert.ok(pace.fromHour === pace.toHour || (hour >= pace.fromHour && hour < pace.toHour), `at ${hour} o'clock`);
      }
    });
  }
});

/** Most of `times` within any stretch of `length` ms. */
function most(times, length) {
  return Math.max(...times.map(end => times.filter(at => at > end - length && at <= end).length), 0);
}
